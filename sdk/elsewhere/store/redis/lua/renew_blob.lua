-- A blob that is named has no limit of time. ARGV: its digest
if is_named(ARGV[1]) then keep_named(ARGV[1]) end
