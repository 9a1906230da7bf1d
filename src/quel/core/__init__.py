"""Pure decisions: no clock, environment, network, SQL, logging or Pillow."""
