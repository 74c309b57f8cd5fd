"""How what a shadow would have reported agrees with what others have told masakari. Pure."""
