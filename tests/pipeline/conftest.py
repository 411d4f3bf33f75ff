from tests.history.servers import postgresql, postgresql_url

__all__ = ["postgresql", "postgresql_url"]
