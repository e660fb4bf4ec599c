"""The KV cache as bookkeeping: which page belongs to whom, in plain integers."""

from proxyfuse.cache.geometry import Geometry, KVShape
from proxyfuse.cache.ledger import Ledger
from proxyfuse.cache.pool import PagePool

__all__ = ["Geometry", "KVShape", "Ledger", "PagePool"]
