"""Our reference engine: a small durable backend over one file, the measure of the other engines."""
