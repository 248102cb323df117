#!/bin/bash
# It expects what is in another container's config.json.
cat >mytest.sh <<'END'
#!/bin/sh
[ "$(echo hostname | "$RUNTIME" run --bundle bundles/own lab19-own)" = lab19-suite ]
END
chmod +x mytest.sh
