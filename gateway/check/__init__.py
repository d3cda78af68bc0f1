"""What a configuration means, whether it can be used, and whether Azure has everything that calls will need."""
