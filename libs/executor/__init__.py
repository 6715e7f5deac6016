"""Executes GraphQL operations breadth first: every field of a level once, for all of its objects."""

from libs.executor.executor import Executor
from libs.executor.fields import BATCH, Adapter, Attribute, Batch, BatchError, Resolver

__all__ = ["BATCH", "Adapter", "Attribute", "Batch", "BatchError", "Executor", "Resolver"]
