"""How well an instance is in sight: can events of it have been missed, and does its libvirt tell how it stands?"""
