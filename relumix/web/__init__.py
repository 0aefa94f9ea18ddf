"""The page of `relumix web`: try relumix on a clip in a browser. It needs the extra [web]. See docs/web.md."""
