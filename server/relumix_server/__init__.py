"""The gRPC server: it holds the model and relights shots that are sent to it."""
