"""The pages, one module each: what is asked and what is done, with the template that shows it."""
