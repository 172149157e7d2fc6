"""The kill rig: real processes under a driver, killed and frozen at random; at the end both sides are compared."""
