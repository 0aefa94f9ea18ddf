"""The gRPC server: it holds the model and relights shots that are sent to it."""

from relumix.util.extras import require

require("the server", "server", "cv2", "grpc_health", "grpc_reflection", "jinja2", "prometheus_client")
