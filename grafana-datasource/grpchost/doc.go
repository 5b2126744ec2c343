// Package grpchost tests the program of the datasource as Grafana runs it, over
// gRPC, against recorded answers of topologyd. It holds tests only.
package grpchost
