"""Following surfaces through a shot: what every engine shares that carries light along motion."""
