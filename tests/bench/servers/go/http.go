package main

import (
	"io"
	"net"
	"net/http"
)

// The same answer with net/http, as its documentation begins.
func serveHello(listener net.Listener) {
	http.HandleFunc("/", func(writer http.ResponseWriter, _ *http.Request) {
		io.WriteString(writer, "hello world")
	})
	panic(http.Serve(listener, nil))
}
