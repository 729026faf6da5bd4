"""A run as one HTML page: the data of each section, and the page with its styles and scripts."""
