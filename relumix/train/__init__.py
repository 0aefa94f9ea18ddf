"""Training: one loop for every engine that learns (relumix.train.loop), and what each of them learns from."""
