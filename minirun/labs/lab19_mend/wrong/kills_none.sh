#!/bin/bash
# It looks whether the container runs, and at nothing else.
cat >mytest.sh <<'END'
#!/bin/sh
[ "$(echo echo here | "$RUNTIME" run --bundle bundles/own lab19-own)" = here ]
END
chmod +x mytest.sh
