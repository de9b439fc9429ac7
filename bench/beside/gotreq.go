package main

import "fmt"

func probeGotreq(p *prober) {
	for _, t := range titles {
		fmt.Printf("%s\t?\t\n", t[0])
	}
}
