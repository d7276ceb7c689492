import sys

from cronfleet_verify.main import main

sys.exit(main())
