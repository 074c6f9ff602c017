"""Which calls to other hosts are allowed. Pure: nothing here looks up a name or opens a connection."""
