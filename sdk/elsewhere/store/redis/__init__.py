"""The store in Redis or Valkey. Only this folder knows a key."""
