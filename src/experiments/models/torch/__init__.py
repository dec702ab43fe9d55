"""The recurrent network in torch."""
