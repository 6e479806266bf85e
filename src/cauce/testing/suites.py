"""The suites that adapters pass, ours and other people's, in one place."""

from cauce.testing.catalog_suite import CatalogSuite
from cauce.testing.executor_suite import ExecutorSuite
from cauce.testing.store_suite import StoreSuite

__all__ = ["CatalogSuite", "ExecutorSuite", "StoreSuite"]
