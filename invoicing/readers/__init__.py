"""One reader per syntax; all of them fill the model of `invoicing.model`."""
