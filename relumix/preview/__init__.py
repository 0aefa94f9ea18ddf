"""Pictures and movies of a shot for people to look at. Display-referred: nothing here touches what is delivered."""

from relumix.util.extras import require

require("making previews", "local", "av", "cv2", "PIL")
