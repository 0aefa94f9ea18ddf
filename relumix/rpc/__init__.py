"""The bytes of the contract in proto/, as client and server both read and write them."""
