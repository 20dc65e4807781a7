-- ARGV: the id of a model. Uses of it in tasks stay: they record what a task began from.
index_model('SREM', ARGV[1])
place_model(ARGV[1], '')
redis.call('ZREM', 'ew:models', ARGV[1])
clear_part('scalars')
clear_part('plots')
redis.call('DEL', model_key(ARGV[1]), model_key(ARGV[1]) .. ':tasks', dropped)
