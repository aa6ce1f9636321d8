// The same in Go: main raw|line|hello. Lines as a newcomer to Go writes them, with a Scanner and a Write per line.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
)

func raw(conn net.Conn) {
	buffer := make([]byte, 65536)
	for {
		got, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:got]); err != nil {
			return
		}
	}
}

func line(conn net.Conn) {
	scanner := bufio.NewScanner(conn)
	for scanner.Scan() {
		if _, err := conn.Write(append(scanner.Bytes(), '\n')); err != nil {
			return
		}
	}
}

func main() {
	handle := raw
	if os.Args[1] == "line" {
		handle = line
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)
	if os.Args[1] == "hello" {
		serveHello(listener)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			defer conn.Close()
			handle(conn)
		}()
	}
}
