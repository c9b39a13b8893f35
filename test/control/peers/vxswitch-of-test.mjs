#!/usr/bin/env node
// The program `vxswitch` for a shell under test: hands its arguments to the test at the socket VXSWITCH_TEST, which runs them.
import { connect } from "node:net";

const socket = connect(process.env.VXSWITCH_TEST);
socket.write(`${JSON.stringify(process.argv.slice(2))}\n`);
socket.pipe(process.stdout);
