/** Where the running scenario is shown: a live picture on a terminal, plain lines elsewhere. */
import { createLogUpdate } from 'log-update';
import { line, type Moment, picture } from './progress.ts';

export interface DemoView {
  note(text: string): void;
  moment(moment: Moment): void;
  /** Leaves the last picture standing. */
  close(): void;
}

/** Picks the form by whether the stream is a terminal. */
export function createDemoView(stream: NodeJS.WriteStream): DemoView {
  return stream.isTTY ? liveView(stream) : plainView(stream);
}

function liveView(stream: NodeJS.WriteStream): DemoView {
  const render = createLogUpdate(stream);
  let note = '';
  let lines: readonly string[] = [];
  let closed = false;
  const draw = () => render(['', ...lines, ...(note === '' ? [] : [`   ${note}`])].join('\n'));
  return {
    note(text) {
      note = text;
      draw();
    },
    moment(moment) {
      lines = picture(moment);
      draw();
    },
    close() {
      if (closed) return;
      closed = true;
      note = '';
      draw();
      render.done();
    },
  };
}

function plainView(stream: NodeJS.WriteStream): DemoView {
  let last = '';
  const print = (text: string) => {
    if (text !== last) stream.write(`${text}\n`);
    last = text;
  };
  return {
    note: print,
    // Nothing new, nothing printed.
    moment: (moment) => print(line(moment)),
    close: () => undefined,
  };
}
