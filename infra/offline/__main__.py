"""``python -m infra.offline TERRAFORM-ARGUMENTS``, in the folder of the configuration."""

import sys

from infra.offline.terraform import main

sys.exit(main(sys.argv[1:]))
