"""The dashboard page as browsers get it: page.html, page.css, page.js."""
