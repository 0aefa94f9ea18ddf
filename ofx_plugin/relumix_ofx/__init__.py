"""The OpenFX plugin's source, and how a bundle of it is built (relumix_ofx.build)."""
