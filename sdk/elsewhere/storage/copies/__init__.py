"""Local copies: the cache, and archives packed and unpacked."""
