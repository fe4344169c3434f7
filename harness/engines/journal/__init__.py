"""Our reference engine: a durable backend in a few dozen lines over one file. What the other engines are measured by."""
