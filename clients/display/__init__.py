"""A display on the wall: a device without a keyboard, as a program for the terminal (RFC 8628).

It shows a number and a QR code, waits until an owner has answered on a telephone, shows the owner's products
and goes on without them from then on. An example to read: it uses nothing of the kit, only HTTP.
"""
