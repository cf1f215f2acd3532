"""natter gateway: sockets and live sessions."""
