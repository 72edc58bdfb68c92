"""Dropout that treats all places of an example alike."""

from collections.abc import Callable

import pytest
import torch

from attnbench.tasks.shared_dropout import SharedDropout
from attnbench.tasks.translation.encoder import BidirectionalGru, Encoder, GnmtEncoder, StackedLstm


def test_places_share_a_mask_and_examples_do_not() -> None:
    torch.manual_seed(0)
    dropped = SharedDropout(0.25)(torch.ones(400, 3, 50))
    assert torch.equal(dropped, dropped[:, :1].expand(-1, 3, -1))
    torch.testing.assert_close(dropped.unique(), torch.tensor([0.0, 4 / 3]))
    assert not torch.equal(dropped[0], dropped[1])
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.02)


def test_nothing_is_dropped_in_evaluation_or_without_a_share() -> None:
    some = torch.randn(2, 3, 4)
    assert torch.equal(SharedDropout(0.5).eval()(some), some)
    assert torch.equal(SharedDropout(0.0)(some), some)


ENCODERS: list[Callable[[], Encoder]] = [
    lambda: BidirectionalGru(9, embedding_dim=8, annotation_dim=64, dropout=0.5, start="mean"),
    lambda: StackedLstm(9, layers=2, embedding_dim=8, hidden_dim=64, dropout=0.5, bidirectional=False),
    lambda: GnmtEncoder(9, layers=2, embedding_dim=8, hidden_dim=64, dropout=0.5, residual=False),
]


@pytest.mark.parametrize("build", ENCODERS, ids=["gru", "lstm", "gnmt"])
def test_sentence_encoders_drop_the_same_numbers_of_all_annotations(build: Callable[[], Encoder]) -> None:
    torch.manual_seed(0)
    annotations = build()(torch.full((2, 5), 6)).annotations
    gone = annotations == 0.0
    assert torch.equal(gone, gone[:, :1].expand(-1, 5, -1))
    assert 0.3 < gone.float().mean().item() < 0.7
