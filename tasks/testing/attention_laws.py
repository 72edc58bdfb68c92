"""What every attention mechanism must hold to."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from attnbench.attention import AttentionFactory
from attnbench.tasks.testing import batches, draws, gradients, masks, precision
from attnbench.tasks.testing.subject import Law, Subject

ALL: tuple[Law, ...] = (
    masks.masked_equals_cropped,
    masks.masked_content_does_not_matter,
    masks.masked_weights_are_zero,
    masks.weights_are_shares,
    masks.weights_sum_to_one,
    masks.nowhere_to_look_gives_zeros,
    masks.masks_may_differ_between_queries,
    batches.one_query_at_a_time_equals_all_at_once,
    batches.context_alone_is_the_same,
    batches.permuting_memory_permutes_weights,
    batches.context_is_the_weighted_mean_of_values,
    batches.selected_rows_answer_alike,
    batches.answering_leaves_no_trace,
    batches.builds_share_nothing,
    gradients.gradients_are_exact,
    gradients.empty_rows_have_finite_gradients,
    gradients.every_parameter_learns,
    gradients.draws_pass_gradient_through_log_prob_alone,
    draws.evaluation_draws_nothing,
    draws.draws_follow_log_prob,
    draws.queries_draw_independently,
    precision.bfloat16_stays_close,
    precision.autocast_stays_close,
)
LAWS: Mapping[str, Law] = MappingProxyType({law.__name__: law for law in ALL})


def check_attention(
    factory: AttentionFactory,
    *,
    query_dim: int = 4,
    key_dim: int = 6,
    value_dim: int = 3,
    except_for: Collection[str] = (),
) -> None:
    """Tries every law on attentions that the factory builds. Raises AssertionError, naming the law, where one is broken.

    `except_for` names laws that do not apply: a score that reads positions breaks `permuting_memory_permutes_weights`, a
    straight-through gradient `gradients_are_exact`, a mechanism that may look away `weights_sum_to_one`. Raises ValueError
    where a name is no law's.
    """
    unknown = sorted(set(except_for) - set(LAWS))
    if unknown:
        raise ValueError(f"except_for={unknown}: no such laws; there are {', '.join(LAWS)}")
    for name, law in LAWS.items():
        if name not in except_for:
            try:
                law(Subject(factory, query_dim, key_dim, value_dim))
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from None
