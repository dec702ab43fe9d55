"""Models that are no recurrent network, to compare with."""
