"""Live layers, asked alone what they do with a failure: transports, provider SDKs, models, tools."""
