"""Executes GraphQL operations breadth first: every field of a level once, for all of its objects."""

from .executor import Executor
from .fields import BATCH, Adapter, Attribute, Batch, BatchError, Resolver

__all__ = ["BATCH", "Adapter", "Attribute", "Batch", "BatchError", "Executor", "Resolver"]
