"""Training: one loop for every engine that learns (relumix.train.loop), and what each of them learns from."""

from relumix.util.extras import require

require("training", "train", "accelerate", "cv2", "PIL", "safetensors", "torch")
