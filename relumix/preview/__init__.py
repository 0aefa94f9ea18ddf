"""Pictures and movies of a shot for people to look at. Display-referred: nothing here touches what is delivered."""
