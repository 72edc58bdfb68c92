"""Keeping Python's garbage collector out of what is measured."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def settled() -> Iterator[None]:
    """Spares every collection within from looking through what stands already, which takes long."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def collected_before() -> Iterator[None]:
    """Collects once, and not again while within."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
