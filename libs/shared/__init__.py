"""The kernel: it knows no service."""

from libs.shared.persistent import enable_generics

enable_generics()
