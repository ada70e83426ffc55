// The one file of the kernel that knows Python: checks sizes, owns buffers, releases the GIL, turns statuses into errors.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include "wcz_kernel.h"

namespace nb = nanobind;

namespace {

using ConstSymbols = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Symbols = nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// A status as an exception; becomes wcodec.errors.PayloadError or SymbolError.
struct Fault {
    wcz_status status;
};

void require(wcz_status status) {
    if (status != WCZ_OK) {
        throw Fault{status};
    }
}

const char *rule(wcz_status status) {
    switch (status) {
        case WCZ_TRUNCATED: return "payload ends before its last symbol";
        case WCZ_CORRUPT: return "payload holds a code that no encoder writes";
        case WCZ_OVERRUN: return "payload holds more symbols than its arrays";
        case WCZ_SYMBOL: return "symbol outside -(2**31 - 1) .. 2**31 - 1, or a run of 2**31 - 1 and more";
        case WCZ_CAPACITY: return "kernel buffer too small";
        default: return "kernel parameter outside its range";
    }
}

void raise_fault(const Fault &fault) {
    if (fault.status == WCZ_CAPACITY || fault.status == WCZ_ARGUMENT) {
        PyErr_SetString(PyExc_ValueError, rule(fault.status));
        return;
    }
    const char *name = fault.status == WCZ_SYMBOL ? "SymbolError" : "PayloadError";
    nb::object error = nb::module_::import_("wcodec.errors").attr(name);
    PyErr_SetObject(error.ptr(), nb::str(rule(fault.status)).ptr());
}

// Read-only bytes of any object with a contiguous buffer; alive and pinned as long as this is.
class Payload {
public:
    explicit Payload(nb::handle source) {
        if (PyObject_GetBuffer(source.ptr(), &view_, PyBUF_SIMPLE) != 0) {
            throw nb::python_error();
        }
    }
    Payload(const Payload &) = delete;
    Payload &operator=(const Payload &) = delete;
    ~Payload() { PyBuffer_Release(&view_); }

    const uint8_t *data() const { return static_cast<const uint8_t *>(view_.buf); }
    size_t size() const { return static_cast<size_t>(view_.len); }

private:
    Py_buffer view_;
};

std::unique_ptr<uint8_t[]> allocate(uint64_t size) {
    if (size > SIZE_MAX / 2) {
        throw std::bad_alloc();
    }
    return std::unique_ptr<uint8_t[]>(new uint8_t[static_cast<size_t>(size) + 1]);
}

nb::bytes run_length_encode(ConstSymbols values, int run_code, int magnitude_code, bool non_zero_runs) {
    const wcz_run_length_format format = {run_code, magnitude_code, non_zero_runs};
    std::unique_ptr<uint8_t[]> payload;
    size_t written = 0;
    {
        nb::gil_scoped_release unlocked;
        uint64_t bits = 0;
        require(wcz_run_length_bits(values.data(), values.size(), &format, &bits));
        payload = allocate(bits / 8 + 1);
        require(wcz_run_length_encode(values.data(), values.size(), &format, payload.get(), bits / 8 + 1, &written));
    }
    return nb::bytes(payload.get(), written);
}

size_t run_length_decode(nb::handle source, int run_code, int magnitude_code, bool non_zero_runs, Symbols out) {
    const wcz_run_length_format format = {run_code, magnitude_code, non_zero_runs};
    Payload payload(source);
    size_t consumed = 0;
    nb::gil_scoped_release unlocked;
    require(wcz_run_length_decode(payload.data(), payload.size(), &format, out.data(), out.size(), &consumed));
    return consumed;
}

using ConstMatrix = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using ConstVector = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using SymbolMatrix = nb::ndarray<int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

void round_with_feedback(ConstMatrix weights, ConstMatrix feedback, ConstVector steps, SymbolMatrix out) {
    const size_t rows = weights.shape(0), columns = weights.shape(1);
    if (feedback.shape(0) != columns || feedback.shape(1) != columns || steps.shape(0) != rows ||
        out.shape(0) != rows || out.shape(1) != columns) {
        throw Fault{WCZ_ARGUMENT};
    }
    std::unique_ptr<double[]> pending(new double[columns]);
    nb::gil_scoped_release unlocked;
    require(wcz_round_with_feedback(weights.data(), rows, columns, feedback.data(), steps.data(), out.data(),
                                    pending.get()));
}

}  // namespace

NB_MODULE(_native, module) {
    module.doc() = "Native kernel of wcodec; its readable twin is wcodec.coders.reference.";
    nb::register_exception_translator([](const std::exception_ptr &thrown, void *) {
        try {
            std::rethrow_exception(thrown);
        } catch (const Fault &fault) {
            raise_fault(fault);
        }
    });

    using namespace nb::literals;
    module.def("run_length_encode", &run_length_encode, "values"_a.noconvert(), "run_code"_a, "magnitude_code"_a,
               "non_zero_runs"_a);
    module.def("run_length_decode", &run_length_decode, "payload"_a, "run_code"_a, "magnitude_code"_a,
               "non_zero_runs"_a, "out"_a.noconvert());
    module.def("round_with_feedback", &round_with_feedback, "weights"_a.noconvert(), "feedback"_a.noconvert(),
               "steps"_a.noconvert(), "out"_a.noconvert());
}
