"""The clips that come with relumix, to be tried. Beside them: clients in several languages, as scripts."""
