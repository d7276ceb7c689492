"""Pictures as SVG: values in, markup out. They look alike at every width, and colour says nothing alone."""
