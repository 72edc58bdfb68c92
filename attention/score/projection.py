"""How every dot-like score bridges queries and keys of different size: by one rule, stated in the config."""

from typing import Literal, get_args

from torch import nn

Project = Literal["when_needed", "always", "never"]


def query_projection(query_dim: int, key_dim: int, project: Project) -> nn.Module:
    """Brings queries to the size of the keys.

    `when_needed`: a bias-free linear map where the sizes differ, else nothing; `always`: the map in any case;
    `never`: nothing, and sizes that differ are an error. With the map in place q ↦ (P q)ᵀ k is the bilinear form of
    `general`: two dot-like scores differ from it in scaling alone.
    """
    if project not in get_args(Project):
        raise ValueError(f"project={project}: must be one of {', '.join(get_args(Project))}")
    if project == "never" and query_dim != key_dim:
        raise ValueError(
            f"project=never: queries of size {query_dim} have no dot product with keys of size {key_dim}; "
            "use project=when_needed, or sizes that agree"
        )
    if project == "always" or query_dim != key_dim:
        return nn.Linear(query_dim, key_dim, bias=False)
    return nn.Identity()
