"""`python -m natter.runtime` is `natter`."""

from .cli import main

if __name__ == "__main__":
    main()
