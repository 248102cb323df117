#!/bin/bash
# It tests the minirun of the machine, whatever $RUNTIME is.
cat >mytest.sh <<'END'
#!/bin/sh
[ "$(echo pwd | minirun run --bundle bundles/own lab19-own)" = /root/work ]
END
chmod +x mytest.sh
