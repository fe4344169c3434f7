"""Our reference engine: a durable backend in a few dozen lines over one file, the measure of the other engines."""
